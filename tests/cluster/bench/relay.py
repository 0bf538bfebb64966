"""relay.py PID LISTEN_IP PORT TARGET_IP: listens in the network namespace of PID, connects in its own. For keeper.py.

The API server stays on this machine's loopback; nodes and their pods reach it at an address of their own net.
"""
import asyncio
import ctypes
import os
import socket
import sys

CLONE_NEWNET = 0x40000000


def listener_in(pid, address, port):
    """A socket stays in the namespace that it was made in."""
    libc = ctypes.CDLL(None, use_errno=True)
    own, other = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    for namespace in (other, own):
        if libc.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        if namespace == other:
            listener = socket.create_server((address, port), backlog=128)
        os.close(namespace)
    return listener


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


async def serve(listener, target, port):
    async def accept(reader, writer):
        try:
            there, back = await asyncio.open_connection(target, port)
        except OSError:  # the API server is being restarted
            writer.close()
            return
        await asyncio.gather(copy(reader, back), copy(there, writer))
        for each in (back, writer):
            each.close()
    server = await asyncio.start_server(accept, sock=listener)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(listener_in(sys.argv[1], sys.argv[2], int(sys.argv[3])), sys.argv[4], int(sys.argv[3])))
