"""The main job: the whole loop on local chains, driven from outside through the HTTP interface."""
