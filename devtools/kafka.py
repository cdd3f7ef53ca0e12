"""A Kafka broker of our own: one KRaft node that runs from the jars in Maven Central."""

import os
import shutil
import signal
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from devtools import folders, kafka_wire, ports, processes
from devtools.processes import Failed

VERSION = "4.1.2"
LOG4J_VERSION = "2.25.1"

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>order-saga</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{kafka}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{kafka}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>{log4j}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>{log4j}</version>
    </dependency>
  </dependencies>
</project>
"""

_LOG4J = """<Configuration status="ERROR">
  <Appenders>
    <Console name="stdout"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Logger name="kafka.server.KafkaRaftServer" level="info"/>
    <Root level="warn"><AppenderRef ref="stdout"/></Root>
  </Loggers>
</Configuration>
"""

_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=12
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
log.segment.bytes=268435456
log.index.size.max.bytes=1048576
"""

# One small node on a developer's machine: a little heap, and no second compiler that competes
# with the programs under test for two cores.
_JVM = ["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]


def jars() -> Path:
    """The folder of Kafka's jars, which may not be there yet."""
    return folders.cache() / f"kafka-{VERSION}" / "libs"


def fetch_jars(log: Path) -> None:
    """Fetches the jars through Maven, once for all checkouts."""
    if jars().is_dir():
        return
    if shutil.which("mvn") is None:
        raise Failed("Maven is not installed", fix="Install it: apt-get install maven")
    home = jars().parent
    home.mkdir(parents=True, exist_ok=True)
    partial = home / f"libs.partial-{os.getpid()}"
    (home / "pom.xml").write_text(_POM.format(kafka=VERSION, log4j=LOG4J_VERSION))
    command = ["mvn", "-q", "-B", "-f", str(home / "pom.xml"), "dependency:copy-dependencies"]
    command += [f"-DoutputDirectory={partial}", "-DincludeScope=runtime"]
    if processes.run(command, log=log) != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise Failed(
            "Maven could not fetch Kafka's jars",
            fix="Check that Maven reaches Maven Central (a mirror goes into ~/.m2/settings.xml).",
            log=log,
        )
    try:
        partial.rename(jars())
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)  # another ./dev was faster


class Broker:
    """One Kafka broker with its data in `folder`/data. `properties` come on top of ours."""

    def __init__(self, folder: Path, port: int, controller_port: int, *, properties: str = ""):
        self.folder = folder
        self.port = port
        self.controller_port = controller_port
        self.properties = properties
        self.log = folder.parent / "logs" / "kafka.log"
        self._pid_file = folder.parent / "pids" / "kafka"

    @property
    def bootstrap_servers(self) -> str:
        return f"{ports.HOST}:{self.port}"

    def pid(self) -> int | None:
        return processes.running_pid(self._pid_file)

    def start(self, *, deadline_seconds: float = 90) -> None:
        """Formats the storage if it is new, starts the broker, waits until it answers."""
        if self.pid() is None:
            self._configure()
            if not (self.folder / "data" / "meta.properties").exists():
                self._format()
            processes.start(
                self._java("kafka.Kafka", str(self.folder / "server.properties")),
                log=self.log,
                pid_file=self._pid_file,
            )
        deadline = time.monotonic() + deadline_seconds
        while not self.is_ready():
            if self.pid() is None:
                raise Failed("Kafka ended while starting", log=self.log)
            if time.monotonic() > deadline:
                raise Failed(f"Kafka did not answer within {deadline_seconds:.0f} s", log=self.log)
            processes.pause(0.05)

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def is_ready(self) -> bool:
        """True if clients, consumer groups and idempotent producers are served."""
        if not kafka_wire.answers(self.port):
            return False
        # Both are asked: the first question makes the broker prepare what it is about.
        ready = (kafka_wire.has_coordinators(self.port), kafka_wire.has_producer_ids(self.port))
        return all(ready)

    def _signal(self, sign: int) -> None:
        pid = self.pid()
        if pid is not None:
            processes.stop(pid, sign=sign, grace_seconds=20)

    def _java(self, main: str, *arguments: str) -> list[str]:
        java = shutil.which("java")
        if java is None:
            raise Failed(
                "Kafka needs Java 17 or newer, and there is no `java` on the PATH",
                fix="Install it: apt-get install openjdk-17-jre-headless (Debian 13: 21)",
            )
        log4j = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.xml'}"
        return [java, *_JVM, log4j, "-cp", f"{jars()}/*", main, *arguments]

    def _configure(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "log4j2.xml").write_text(_LOG4J)
        text = _PROPERTIES.format(
            host=ports.HOST,
            port=self.port,
            controller=self.controller_port,
            data=self.folder / "data",
        )
        (self.folder / "server.properties").write_text(text + self.properties)

    def _format(self) -> None:
        identity = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        properties = str(self.folder / "server.properties")
        # An id that begins with a dash would be read as an option: = keeps it a value.
        tool = ["kafka.tools.StorageTool", "format", f"-t={identity}", "-c", properties]
        if processes.run(self._java(*tool), log=self.log) != 0:
            raise Failed("Kafka's storage could not be formatted", log=self.log)
