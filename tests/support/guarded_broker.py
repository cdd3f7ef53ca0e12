"""A Kafka that asks who a client is."""

from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from devtools import ports
from devtools.kafka import Broker
from tests.support.deadline import wait_until


class GuardedBroker(Broker):
    """Nobody may do anything but `admin`, who needs no password. The user relay has one, at `relay_address`."""

    def __init__(self, folder: Path):
        port, controller, guarded = ports.free_ports(3)
        self.relay_address = f"{ports.HOST}:{guarded}"
        listeners = (
            f"PLAINTEXT://{ports.HOST}:{port},CONTROLLER://{ports.HOST}:{controller},"
            f"GUARDED://{self.relay_address}"
        )
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        super().__init__(
            folder,
            port,
            controller,
            properties=f"""
listeners={listeners}
advertised.listeners={listeners}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.guarded.plain.sasl.jaas.config={login} user_relay="relays-own";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
""",
        )
        self.relay_flags = [
            f"--kafka_property={name}"
            for name in (
                "security.protocol=SASL_PLAINTEXT",
                "sasl.mechanism=PLAIN",
                "sasl.username=relay",
                "sasl.password=relays-own",
            )
        ]

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap_servers})

    def allow(
        self,
        name: str,
        *operations: AclOperation,
        kind: ResourceType = ResourceType.TOPIC,
        pattern: ResourcePatternType = ResourcePatternType.LITERAL,
    ) -> None:
        admin = self._admin()
        rules = [
            AclBinding(
                kind,
                name,
                pattern,
                "User:relay",
                "*",
                operation,
                AclPermissionType.ALLOW,
            )
            for operation in operations
        ]
        for done in admin.create_acls(rules).values():
            done.result()
        # The controller has them; the broker that answers the relay may be a moment behind.
        for rule in rules:
            wanted = AclBindingFilter(
                rule.restype,
                rule.name,
                rule.resource_pattern_type,
                rule.principal,
                rule.host,
                rule.operation,
                rule.permission_type,
            )
            wait_until(lambda: admin.describe_acls(wanted).result(), f"{rule} is in force")

    def allow_transactions(self, state_topic: str) -> None:
        """Of all sources of relays that keep their position there."""
        self.allow(
            f"{state_topic}/",
            AclOperation.WRITE,
            AclOperation.DESCRIBE,
            kind=ResourceType.TRANSACTIONAL_ID,
            pattern=ResourcePatternType.PREFIXED,
        )

    def forbid(self, topic: str) -> None:
        admin = self._admin()
        everything = AclBindingFilter(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            None,
            None,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        for done in admin.delete_acls([everything]).values():
            done.result()
