"""Jobs from a process that has imported everything once.

A sweep starts one :mod:`~depthbench.launch.warm.server`, which imports all that a training needs and then forks a
process per job, before it has any thread, CUDA context or seed. :mod:`~depthbench.launch.warm.client` is the sweep's
side, :mod:`~depthbench.launch.warm.forked` the job's; :mod:`~depthbench.launch.warm.group` starts a process per device.
"""
