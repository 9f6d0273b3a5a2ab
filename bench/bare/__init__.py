"""The smallest Django project with the REST framework on PostgreSQL: what any web process weighs."""
