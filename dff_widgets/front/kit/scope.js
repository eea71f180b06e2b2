// A life within a longer one: what a part listens to ends with the part, or with all of it.

/**
 * @param {AbortSignal} outer
 * @returns {{signal: AbortSignal, end: () => void}}
 */
export function scope(outer) {
  const own = new AbortController();
  const end = () => own.abort();
  if (outer.aborted) end();
  else outer.addEventListener("abort", end, { signal: own.signal });
  return { signal: own.signal, end };
}
