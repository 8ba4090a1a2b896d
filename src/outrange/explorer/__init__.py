"""The explorer: a page or widget whose sliders set the input set, and which shows proved ranges.

`messages` parses the questions of a page, and `exhibit` describes the network that is shown. `work`
computes answers as plain data from `questions` and `domains`, `property` decides properties, and
`report` writes the report. A `session` passes the questions to `worker` threads, whose current task
stops when a newer one arrives. `proved` reuses bounds of earlier, larger input sets. `app` and
`serve` provide the page on a server behind a `guard`. `widget` is the same page in a notebook. Both
use the front end in `static/`, which `app_files` reads.
"""
