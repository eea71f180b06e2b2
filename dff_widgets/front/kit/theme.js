// Light or dark, as the page around is: JupyterLab, VS Code, Colab and marimo each say it in their own way.

/** @param {Document} page @returns {"dark" | "light"} */
export function themeOf(page) {
  const { body, documentElement: html } = page;
  const said = [
    body.dataset.jpThemeLight === undefined ? "" : body.dataset.jpThemeLight === "false" ? "dark" : "light",
    body.dataset.vscodeThemeKind ?? "",
    html.getAttribute("theme") ?? "",
    html.dataset.theme ?? "",
    ...body.classList,
    ...html.classList,
  ];
  for (const word of said) {
    if (/^(vscode-)?(dark|dark-theme|high-contrast)$/.test(word)) return "dark";
    if (/^(vscode-)?(light|light-theme|high-contrast-light)$/.test(word)) return "light";
  }
  return page.defaultView?.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/**
 * An attribute on the root, for the style sheet: it reaches into shadow roots, where the page's classes do not.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function followTheme(root, signal) {
  const apply = () => {
    root.dataset.dffwTheme = themeOf(document);
  };
  const watch = new MutationObserver(apply);
  for (const element of [document.body, document.documentElement]) watch.observe(element, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply, { signal });
  signal.addEventListener("abort", () => watch.disconnect());
  apply();
}
