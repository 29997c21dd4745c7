"""A client that openapi-python-client made of the description: `generated.py FOLDER`, whose package is daeri_client."""

import importlib
import os
import pkgutil
import sys

from asked import tell

sys.path.insert(0, sys.argv[1])
package = importlib.import_module("daeri_client")
modules = [module.name for module in pkgutil.walk_packages(package.__path__, "daeri_client.")]
for name in modules:
    importlib.import_module(name)


def call(module, **more):
    """Call one endpoint as its person."""
    client = package.AuthenticatedClient(base_url=os.environ["DAERI_URL"], token=os.environ["DAERI_KEY"])
    return importlib.import_module(f"daeri_client.api.{module}").sync(client=client, **more)


models = importlib.import_module("daeri_client.models")
balance = call("leave.leave_balance", body=models.LeaveBalanceInput())
held = call("leave.leave_request", body=models.LeaveRequestInput.from_dict({"start": "2027-01-07"}))
shown = call("approvals.approvals_get", approval_id=held.approval_id)
refused = call("approvals.approvals_get", approval_id="apr_00000000000000000000000000")
tell(
    modules=len(modules),
    me=call("server.me").person.name,
    balance=[type(balance).__name__, balance.operation],
    held=[type(held).__name__, shown.status],
    refused=[type(refused).__name__, refused.code],
    rows=len(call("records.department_list", limit=5).data),
)
