"""A watch, a hundred sets and gets at once, and a call that is cancelled, all in one thread."""
import asyncio
import os

import etcd

DIRECTORY = "/example/python"


async def set_and_get(client, number):
    key = f"{DIRECTORY}/{number}"
    await client.set(key, str(number))
    got = await client.get(key)
    assert got["node"]["value"] == str(number), got


async def watch(client, after_index, count):
    seen = set()
    async with client.watch(DIRECTORY, after_index) as events:
        async for event in events:
            if isinstance(event, etcd.Error):
                print("watch:", event)
                continue
            seen.add(event["node"]["key"])
            if len(seen) == count:
                return seen


async def expect_cancel():
    """A server that takes connections and stays silent, because an etcd in good health answers at once."""
    connected = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, writer: connected.set_result(writer), "127.0.0.1")
    client = etcd.Client("http://127.0.0.1:%d" % server.sockets[0].getsockname()[1])
    call = asyncio.create_task(client.get("/never"))
    connection = await connected
    call.cancel()
    try:
        await call
    except asyncio.CancelledError:
        print("cancelled")
    await client.close()
    connection.close()
    server.close()


async def main():
    client = etcd.Client(os.environ.get("ETCD_ENDPOINTS", "http://127.0.0.1:2379"))
    begin = await client.set(f"{DIRECTORY}/begin", "")
    watching = asyncio.create_task(watch(client, begin["index"], 100))
    await asyncio.gather(*(set_and_get(client, number) for number in range(100)))
    print(f"100 sets and gets, {len(await watching)} events")

    try:
        await client.get(f"{DIRECTORY}/not-there")
        raise AssertionError("a key that is not there was found")
    except etcd.Error as error:
        assert error.api_code == etcd.KEY_NOT_FOUND, error
        print(error)
    await client.close()
    await expect_cancel()


asyncio.run(asyncio.wait_for(main(), 60))
