//! Files: those that are sent are looked at before they are taken (M32-M39).

mod look;
