"""Questions about pictures, answered by a language model that sees them (docs/ask.md).

``asking.ask`` and ``describing.describe`` are the two ways in. What they send is chosen in ``pictures`` and written in
``prompt``; ``providers`` are the services that answer; ``answer`` lets through what may be shown; ``budget`` counts.
"""
