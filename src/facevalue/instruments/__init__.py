"""Whole meters: an instrument file says which parts a picture holds, and one number is read from all of them together.

schema.py  the file          joint.py    wheels that turn together, decoded into one number
lines.py   where it is wrong  align.py    a shifted or turned photo, laid over the reference picture
parts.py   one part read     reader.py   the reader of an instrument
finding.py parts proposed for a new file
"""
