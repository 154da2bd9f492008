"""A guest with a real systemd and kernel of its own, to try the units in.  Everything it makes lies under $RIG_DIR.

    build_image.sh   Debian's packages to a bootable disk (root, once, about a minute)
    wire             JSON over qemu's sockets, and commands by the guest agent
    machine          start, power cut, resume, power off
    bundle           the program as it is installed: wheel, locked dependencies, configuration, units
    guest            the installed agent in the guest: its units, processes, status, record
    test_guest       what the units promise; run by ./scripts/test --campaign guest only

No KVM is needed.  The guest is about fifteen times slower than its host and proves nothing about speed.
"""
