//! A terminal, and a person who answers on it.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::jeton::{Jeton, Ran};

/// The person's end and the program's end.
pub(crate) struct Terminal {
    person: File,
    program: File,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&person).expect("a terminal of one's own");
        unlockpt(&person).expect("an unlocked terminal");
        let name = ptsname(&person, Vec::new()).expect("the terminal's name");
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let program = OpenOptions::new().read(true).write(true).open(path);
        Self { person: person.into(), program: program.expect("the other end") }
    }

    /// Runs a command on it that is answered with `answer`.
    pub(crate) fn answer(mut self, answer: &str, jeton: &Jeton) -> Ran {
        // Text that is typed before it is read waits in the terminal.
        self.person.write_all(answer.as_bytes()).expect("somebody who types");
        let child = jeton.command().stdin(self.program).spawn().expect("jeton starts");
        Ran::new(&child.wait_with_output().expect("its output"))
    }
}
