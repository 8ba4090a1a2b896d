"""The explorer: a page or widget whose sliders set the input set while proved ranges follow.

`messages` parses the questions of a page and `exhibit` describes the network shown. `work` computes
answers as plain data from `questions` and `domains`. A `session` gives each kind of question a
`worker`, which stops for a newer question. `proved` reuses bounds of earlier, larger sets. `app`
and `serve` provide the page over the loopback interface, behind a `guard`. `widget` is the same
page in a notebook. Both use the one front end in `static/`.
"""
