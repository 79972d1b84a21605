# SPDX-License-Identifier: Apache-2.0
"""The local socket of a Flux broker, scripted: what a broker answers to fluxpod's questions."""

import contextlib
import socket
import struct
import threading

MAGIC = struct.pack("=I", 0xFFEE0012)


class FakeBroker:
    """Answers each topic with its payload; one that is None is never answered, and one that is not
    there has no service (ENOSYS)."""

    def __init__(self, path, **answers):
        self.answers = answers
        self.asked = []
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(100)
        threading.Thread(target=self.serve, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with contextlib.suppress(OSError):  # the one that asked may have gone
            self.converse(connection)
        connection.close()

    def converse(self, connection):
        connection.sendall(b"\0")
        header = connection.recv(8, socket.MSG_WAITALL)
        if len(header) < 8:
            return
        size = struct.unpack(">I", header[4:])[0]
        request = connection.recv(size, socket.MSG_WAITALL)
        topic = request[2 : 2 + request[1]]
        self.asked.append(topic.decode())
        payload = self.answers.get(topic.decode().replace("-", "_").replace(".", "_"), b"")
        if payload is None:
            connection.recv(1)
        elif payload:
            self.respond(connection, topic, payload.encode() + b"\0", 0)
        else:
            self.respond(connection, topic, b"", 38)

    @staticmethod
    def respond(connection, topic, payload, error_number):
        frames = [b"", topic, *([payload] if payload else [])]
        flags = 0x0B if payload else 0x09
        frames.append(struct.pack(">BBBBIIII", 0x8E, 1, 2, flags, 0, 0, error_number, 1))
        message = b"".join(bytes([len(frame)]) + frame for frame in frames)
        connection.sendall(MAGIC + struct.pack(">I", len(message)) + message)
