"""The page: a Streamlit application that talks to the API over HTTP and knows nothing else of the program.

Of the project's packages only `diagram` is imported. Streamlit puts this folder first on `sys.path`, so that no module
here may be named like a top-level package.
"""
