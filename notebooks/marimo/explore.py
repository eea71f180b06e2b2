import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="dff-widgets")


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    # What does a vision network see as the same?

    The explorer of dff-widgets in marimo. A change of **k**, of the layer or of the view runs the cells that read
    `explorer` again; so does a **name** that you give to a factor.
    """)
    return


@app.cell
def _():
    import marimo as mo

    import dff_widgets as dff

    dff.warm_up()  # loads torch in the background
    return dff, mo


@app.cell
def _(dff):
    images = dff.datasets.creatures(n=12, seed=0, size=256)
    return (images,)


@app.cell
def _(dff, images, mo):
    names, set_names = mo.state({})
    explorer = mo.ui.anywidget(dff.DFFExplorer(images, k=3))
    explorer.observe(lambda change: set_names(dict(change["new"])), "labels")
    explorer
    return explorer, names


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## In Python

    `explorer.k`, `explorer.result`, `explorer.labels`, … are what they are in Jupyter. `wait` blocks until what was
    asked for is there.
    """)
    return


@app.cell
def _(explorer, mo, names):
    explorer.wait()
    _shares = explorer.result.factorization.strength
    mo.ui.table(
        [
            {"factor": f, "name": " + ".join(names().get(f, ())), "share": f"{share:.0%}"}
            for f, share in enumerate(_shares)
        ],
        selection=None,
    )
    return


if __name__ == "__main__":
    app.run()
