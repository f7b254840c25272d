"""Sources of training pictures: each a pure function of ``(seed, step)``, so that a resumed run needs only its step.

paint.py   colours, fonts, textures and backgrounds       hands.py   shapes of hands and needles
camera.py  pose of the dial, optics and sensor            clocks.py  clock faces, and the source that puts it together
"""
