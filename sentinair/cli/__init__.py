"""The human at a terminal: one program, `sentinair`.

    main       the entry: finds the command, and turns every fault into one line and an exit status
    lazy       commands are imported when they are called, so that `sentinair version` starts quickly
    places     where configuration, state, database and control socket are
    moments    times as people write them, and as they read them
    options    the options that listings share
    output     aligned text for people, one JSON object a line for programs
    doctor_*   the checks of `sentinair doctor`
    the rest   one module a command, named as the command

Whatever another process, file or person named is shown escaped (model.text.shown): no path can move the cursor.
"""
