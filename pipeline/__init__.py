"""What the parts do together: settings, composition, the jobs of the command line and of the API.

The only package that imports the reader, the emitters and the drawing side by side. Knows nothing of HTTP or pages.
"""
