"""kombu's pgmq transport, with a worker that goes on after the broker's connections were lost.

As kombu has it, a message whose acknowledgement did not reach the broker stays among those that the worker has under
way. With one message at a time (``worker_prefetch_multiplier = 1``) it then takes no other, for ever. And of the
connection string only host, port, database, user and password are heeded: no timeouts.
"""

from typing import Any

from kombu.transport import pgmq
from pgmq import PGMQueue
from psycopg_pool import ConnectionPool


class Channel(pgmq.Channel):
    def basic_ack(self, delivery_tag: Any, multiple: bool = False) -> None:
        """Acknowledge a message; where that fails it is forgotten here, and the broker delivers it again later."""
        try:
            super().basic_ack(delivery_tag, multiple)
        finally:
            self.qos.ack(delivery_tag)

    def basic_reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        try:
            super().basic_reject(delivery_tag, requeue)
        finally:
            self.qos.reject(delivery_tag, requeue=False)


class Transport(pgmq.Transport):
    Channel = Channel

    def _create_pgmq_client(self) -> PGMQueue:
        connection: Any = self.client
        options = connection.transport_options
        pool = ConnectionPool(
            options["conn_string"],
            min_size=1,
            max_size=options["pool_size"],
            timeout=options["pool_timeout"],
            check=ConnectionPool.check_connection,  # those that ended with the server are replaced before they are used
            name="broker",
            open=True,
        )
        queue = PGMQueue(pool=pool, vt=options["visibility_timeout"], init_extension=False)
        queue._own_pool = True  # to be closed with it
        return queue
