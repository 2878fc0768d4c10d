"""What is kept: the ledger of runs, answers and scores in SQL, and artifacts by the hash of their content.

Import from the modules: `groundtune.storage.ledger` needs SQLAlchemy, `groundtune.storage.artifacts` needs nothing.
"""
