from wit_world.imports import host as host
