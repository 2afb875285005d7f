//! The Lambda binary of this function.

fn main() -> Result<(), transom_boot::lambda::Error> {
    transom_boot::lambda::run_sqs(transom_media::handle)
}
