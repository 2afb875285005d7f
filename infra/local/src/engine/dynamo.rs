//! engine/dynamo
