"""The explorer: a page or widget whose sliders set the input set, and which shows proved ranges.

`messages` parses the questions of a page, and `exhibit` describes the network that is shown. `work`
computes answers as plain data from `questions` and `domains`. A `session` assigns each kind of
question to a `worker`, which stops when a newer question arrives. `proved` reuses bounds of
earlier, larger input sets. `app` and `serve` provide the page over the loopback interface, behind a
`guard`. `widget` is the same page in a notebook. Both use the front end in `static/`.
"""
