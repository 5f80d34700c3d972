"""Other people's session files, and live sessions, as Session manifests of ours.

Pure transforms: no file is read, nothing that a file names is run, and what cannot be carried
over is said in a note, never dropped in silence.
"""
