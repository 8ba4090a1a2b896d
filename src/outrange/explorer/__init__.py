"""The explorer: a page, or a widget, where sliders set the inputs and proved ranges follow.

    messages    what a page may ask: read, checked, refused with a sentence
    exhibit     what is shown: a network, its names, where the sliders begin and end
    work        the answers, as plain data; the proofs are those of `questions`
    worker      a thread that does the newest task only, and stops for a newer one
    session     one page: its workers, and the answers that its clicks refer to
    app, serve  the page over the loopback: Starlette and uvicorn, with guards (`guard`)
    widget      the same page in a notebook: anywidget
    static/     the one front end of both
"""
