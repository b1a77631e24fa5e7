//! Boards from outside: what a program sees, on the memory log and on a file, with time that stands
//! still. Every test ends with the checks that hold of every board.

#[cfg(test)]
mod board {
    mod alerts;
    mod best_of;
    mod dead_letters;
    mod deaths;
    mod faults;
    mod groups;
    mod handlers;
    mod health;
    mod irreversible;
    mod kept;
    mod load;
    mod options;
    mod outages;
    mod outputs;
    mod policies;
    mod predicates;
    mod prefixes;
    mod reads;
    mod receiver;
    mod redrive;
    mod regress;
    mod restart;
    mod set_up;
    mod share;
    mod shutdown;
    mod snapshots;
    mod stand_by;
    mod steps;
    mod upcaster;
    mod verify;
    mod versions;
    mod visibility;
    mod work;
}
