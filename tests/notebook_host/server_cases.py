# SPDX-License-Identifier: Apache-2.0
"""Kernels in replicas behind Debian's own servers, none of which is patched: notebook 6 with its page in a browser,
jupyter_server (what JupyterLab is served by), and a JupyterHub whose users' kernels run as themselves."""
import os
import pwd
import shutil
import subprocess
import sys

import nbformat

from browser import Browser
from cluster import free_ports
from jupyter_servers import Server, ServedKernel, TOKEN
from kernels import host_of, wait_until


def kernels_of(cluster):
    alive = next(i for i, host in cluster.hosts.items() if host.poll() is None)
    return cluster.status(alive)["kernels"]


def works_behind(module, cluster):
    with Server(module, cluster.folder) as server:
        assert "hpcsched" in server.ask("GET", "kernelspecs")["kernelspecs"]
        k = ServedKernel(server)
        assert k.run("x = [1, 2]\nx") == "[1, 2]"
        assert k.run("%gpu 2\nimport os\nos.environ['CUDA_VISIBLE_DEVICES']") == "'0,1'"
        request = k.execute("import time\nprint('runs', flush=True)\nwhile True: time.sleep(0.05)")
        k.wait_for_busy()
        k.ask("POST", "/interrupt")
        assert k.told_of(request)[0]["ename"] == "KeyboardInterrupt"
        assert k.run("x") == "[1, 2]"
        killed = host_of(cluster, int(k.run("os.getpid()")))
        cluster.kill(killed)
        assert k.run("x") == "[1, 2]"
        cluster.start(killed)
        k.ask("POST", "/restart")
        assert k.run("x") == "NameError"
        assert k.ask("GET")["execution_state"] in ("idle", "busy", "starting")
        wait_until(lambda: len(kernels_of(cluster)) == 1)
        k.ask("DELETE")
        wait_until(lambda: not kernels_of(cluster))


def case_notebook_server(cluster):
    works_behind("notebook", cluster)


def case_jupyter_server(cluster):
    works_behind("jupyter_server", cluster)


def write_notebook(path, cells):
    kernel = {"name": "hpcsched", "display_name": "hpcsched", "language": "python"}
    made = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    made.cells = [nbformat.v4.new_code_cell(code) for code in cells]
    nbformat.write(made, path)


# Of the page of notebook 6: what the cells show, once all have run.
OUTPUTS = ("Jupyter.notebook.get_cells().every(c => c.input_prompt_number > 0) && !Jupyter.notebook.kernel_busy &&"
           " Jupyter.notebook.get_cells().map(c => c.output_area.outputs.map("
           "o => o.text || (o.data && o.data['text/plain']) || o.ename).join('|'))")


# As a hand does: the model on the page changes, and tells the kernel.
MOVE_SLIDER = ("Promise.all(Object.values(Jupyter.notebook.kernel.widget_manager._models)).then(all => {"
               " const one = all.find(m => m.get('_view_name') === 'IntSliderView');"
               " one.set('value', TO); one.save_changes(); })")


def case_notebook_page(cluster):
    """A person with a browser: a notebook is opened and run, a slider is moved, a host is lost, the kernel restarted."""
    write_notebook(os.path.join(cluster.folder, "mine.ipynb"), [
        "x = [1, 2]\nimport os\nos.getpid()", "%gpu 2\nos.environ['CUDA_VISIBLE_DEVICES']",
        "import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\nslider", "sum(x), slider.value"])
    with Server("notebook", cluster.folder) as server, Browser(cluster.folder) as page:
        page.go(f"http://127.0.0.1:{server.port}/notebooks/mine.ipynb?token={TOKEN}")
        page.wait_for("Jupyter.notebook.kernel.is_connected()")
        page.value("Jupyter.notebook.execute_all_cells()")
        shown = page.wait_for(OUTPUTS)
        assert shown[1] == "'0,1'" and shown[3] == "(3, 3)", shown
        # The widget's model on the page tells the kernel, and the other way round.
        page.wait_for("document.querySelectorAll('.widget-area .ui-slider').length === 1")
        page.value(MOVE_SLIDER.replace("TO", "41"))
        page.value("Jupyter.notebook.get_cell(3).execute()")
        wait_until(lambda: page.wait_for(OUTPUTS)[3] == "(3, 41)")
        cluster.kill(host_of(cluster, int(shown[0])))
        page.value("Jupyter.notebook.get_cell(3).set_text('x.append(4); slider.value += 1; sum(x), slider.value')")
        page.value("Jupyter.notebook.get_cell(3).execute()")
        wait_until(lambda: page.wait_for(OUTPUTS)[3] == "(7, 42)")
        page.wait_for("[...document.querySelectorAll('.widget-readout')].map(r => r.innerText).includes('42')")
        page.value(MOVE_SLIDER.replace("TO", "11"))
        page.value("Jupyter.notebook.get_cell(3).execute()")
        wait_until(lambda: page.wait_for(OUTPUTS)[3] == "(11, 12)")
        page.value("Jupyter.notebook.restart_kernel({confirm: false})")
        page.wait_for("Jupyter.notebook.kernel.is_connected()")
        page.value("Jupyter.notebook.get_cell(3).execute()")
        wait_until(lambda: page.wait_for(OUTPUTS)[3] == "NameError")
        assert not page.complaints, page.complaints


HUB = """
import os
folder = {folder!r}
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.cookie_secret_file = folder + "/hub_cookie"
c.JupyterHub.db_url = "sqlite:///" + folder + "/hub.sqlite"
c.ConfigurableHTTPProxy.pid_file = folder + "/hub_proxy.pid"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.services = [{{"name": "tests", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{"name": "tests", "services": ["tests"], "scopes": [
    "admin:users", "admin:servers", "access:servers"]}}]
c.Spawner.environment = {{"JUPYTER_" + kind + "_DIR": lambda spawner: os.path.join(folder, "of_" + spawner.user.name)
                         for kind in ("DATA", "CONFIG", "RUNTIME")}}
c.Spawner.notebook_dir = folder + "/of_{{username}}"
c.Spawner.cmd = {singleuser!r}
"""


class Hub(Server):
    def __init__(self, folder):  # not as a server of one's own
        self.folder = folder
        for program in ("jupyterhub", "configurable-http-proxy"):
            if not shutil.which(program):
                print(f"{program} is missing: apt-get install jupyterhub")
                sys.exit(77)
        port, hub_port, proxy_port = free_ports(3)
        path = os.path.join(folder, "hub.py")
        with open(path, "w", encoding="ascii") as file:
            file.write(HUB.format(folder=folder, hub_port=hub_port, proxy_port=proxy_port, token=TOKEN,
                                  singleuser=[shutil.which("jupyterhub-singleuser"), "--allow-root"]))
        self.start([shutil.which("jupyterhub"), "--config", path, "--ip=127.0.0.1"], port, "/hub/")


def case_jupyterhub(cluster):
    """Each user's server runs as the user, has the user's certificate, and starts kernels that run as the user."""
    users = ("nobody", "daemon")
    for user in users:
        own = os.path.join(cluster.folder, "of_" + user)
        os.mkdir(own)
        words = []
        for what, file in (("certificate", user + ".pem"), ("key", user + ".key"), ("authority", "authority.pem")):
            words += ["--tls-" + what, shutil.copy(os.path.join(cluster.folder, file), own)]
        subprocess.run([cluster.program, "notebook", "install", "--nodes", cluster.nodes, "--gpus", "8", *words],
                       check=True, stdout=subprocess.DEVNULL, env={**os.environ, "JUPYTER_DATA_DIR": own})
        for folder, _, files in os.walk(own):
            for each in (folder, *(os.path.join(folder, f) for f in files)):
                shutil.chown(each, user)
    with Hub(cluster.folder) as hub:
        kernels = {}
        for user in users:
            hub.ask("POST", f"users/{user}")
            hub.ask("POST", f"users/{user}/server")
            wait_until(lambda: hub.ask("GET", f"users/{user}")["servers"].get("", {}).get("ready"), 60)
            kernels[user] = ServedKernel(hub, user=user)
        for user, k in kernels.items():
            assert k.run("x = __import__('os').getuid()\nx") == str(pwd.getpwnam(user).pw_uid)
        assert sorted(k["owner"] for k in kernels_of(cluster)) == sorted(users)
        killed = host_of(cluster, int(kernels["nobody"].run("__import__('os').getpid()")))
        cluster.kill(killed)
        for user, k in kernels.items():
            assert k.run("x") == str(pwd.getpwnam(user).pw_uid)
        hub.ask("DELETE", "users/nobody/server")
        wait_until(lambda: [k["owner"] for k in kernels_of(cluster)] == ["daemon"])
