"""The explorer: a page, or a widget, where sliders set the inputs and proved ranges follow.

`messages` reads what a page asks, `exhibit` is what is shown, `work` computes the answers as plain
data from `questions` and `domains`, and a `session` gives each kind of question a `worker`, which
stops for a newer one; `proved` keeps what earlier sets prove of their parts. `app` and `serve` are
the page over the loopback, behind a `guard`; `widget` is the same page in a notebook. Both show the
one front end in `static/`.
"""
