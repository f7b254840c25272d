"""What the watcher is made of: where pictures come from, what is believed of a reading, where it is kept and told.

``facevalue.watch`` puts them together. Needs ``facevalue[serve]``, each module its own package of it.
"""
