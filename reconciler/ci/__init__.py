"""The steps of the GitHub action and the GitLab template, in Python instead of shell.

The package needs the standard library, git and gh only, and starts the command line as a child process. The steps are
Python because text from a pull request (names, messages, answers of gh) is then passed as arguments and parsed as JSON,
and is never read again by a shell, jq or sed.
"""
