"""A gateway of one's own."""
from jina import Flow, Gateway


class MyGateway(Gateway):
    async def setup_server(self):
        pass

    async def run_server(self):
        pass

    async def shutdown(self):
        pass


f = Flow().config_gateway(uses=MyGateway)
