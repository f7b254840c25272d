"""The HTTP service and its web page: ``facevalue serve``. Needs ``facevalue[serve]``, which nothing else imports.

limits.py    what one client may ask for
problems.py  what goes wrong, each with its status and a JSON error
schema.py    the shape of every answer, for /openapi.json
uploads.py   a request's body as pictures, while it keeps to the limits
desk.py      the readers, the threads that read, and the line before them
app.py       the addresses
log.py       the one that gives a watcher's history
page.py      the web page's files and the headers that guard it
running.py   sockets, processes, signals: the command
runtime.py   onnxruntime-web, for reading in the browser
"""
