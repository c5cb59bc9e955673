# SPDX-License-Identifier: Apache-2.0
"""usage: slow_origin.py PORT DELAY NAME: answers NAME, DELAY seconds after each request, keeping connections."""

import asyncio
import sys


async def serve(reader, writer, delay, body):
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(delay)
            writer.write(head + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(port, delay, name):
    body = f"{name}\n".encode()
    server = await asyncio.start_server(lambda r, w: serve(r, w, delay, body), "127.0.0.1", port, backlog=1024)
    print("listens", flush=True)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
