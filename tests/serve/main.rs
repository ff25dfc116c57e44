//! The gateway: real sockets, a scripted telephone network on one side and a scripted agent on the other.

mod admission;
mod hostile;
mod support;
mod twilio;
