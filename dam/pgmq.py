"""kombu's pgmq transport, with a worker that goes on after the broker's connections were lost.

As kombu has it, a message whose acknowledgement did not reach the broker stays among those that the worker has under
way. With one message at a time (``worker_prefetch_multiplier = 1``) it then takes no other, for ever.
"""

from typing import Any

from kombu.transport import pgmq


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
