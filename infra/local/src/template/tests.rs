//! What the reader must get right, on small texts and on the real template.

use super::*;
use crate::policy::{index_arn, queue_arn, table_arn};

const SMALL: &str = "
Parameters:
  Shards: {Type: Number, Default: 4}
  Secret: {Type: String}
Conditions:
  Many: !Not [!Equals [!Ref Shards, '1']]
Globals:
  Function: {Timeout: 7}
Resources:
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub ${AWS::StackName}-things
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  Work:
    Type: AWS::SQS::Queue
    Properties: {QueueName: work.fifo, FifoQueue: true}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Environment:
        Variables:
          SHARDS: !Ref Shards
          SECRET: !Ref Secret
          QUEUE: !Ref Work
          MODE: !If [Many, many, one]
          JOINED: !Join ['-', [a, !Ref 'AWS::Region', !Ref 'AWS::NoValue']]
          TEXT: !Sub ['${x} of ${Things} ${!kept}', {x: !Ref Shards}]
      Policies:
        - Statement:
            - {Effect: Allow, Action: 'dynamodb:GetItem', Resource: !GetAtt Things.Arn}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Worker, EventSourceArn: !GetAtt Work.Arn}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {IntegrationUri: !GetAtt Worker.Arn}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {RouteKey: 'POST /work/{id}', Target: !Sub 'integrations/${Integration}'}
";

fn real() -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    Template::load(&path).expect("the real template")
}

/// The whole chain of causes of the error that a changed small template gives.
#[track_caller]
fn refuses(from: &str, to: &str, expected: &[&str]) {
    assert!(SMALL.contains(from), "the small template has {from:?}");
    let error = Template::parse(&SMALL.replace(from, to)).expect_err("a refusal");
    let error = format!("{error:#}");
    for part in expected {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

#[test]
fn intrinsics_resolve() {
    let template = Template::parse(SMALL).expect("the small template");
    let worker = &template.functions["Worker"];
    let environment = worker.environment_with(|queue| format!("http://host/{queue}"));
    let expected = [
        ("JOINED", "a-us-east-1"),
        ("MODE", "many"),
        ("QUEUE", "http://host/work.fifo"),
        ("SECRET", "parameter:Secret"),
        ("SHARDS", "4"),
        ("TEXT", "4 of transom-things ${kept}"),
    ];
    let expected: BTreeMap<_, _> =
        expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(environment, expected);
    assert_eq!(template.unset_parameters, BTreeSet::from(["Secret".to_owned()]));
    assert_eq!(worker.timeout_s, 7);
    assert_eq!(worker.queue_sources[0].queue, "work.fifo");
    assert!(!worker.queue_sources[0].partial_responses);
    assert!(worker.policy.allows("dynamodb:GetItem", &table_arn("transom-things")));
}

#[test]
fn an_override_wins_over_a_default() {
    let given = [("Shards", "1"), ("Secret", "s")];
    let given: BTreeMap<_, _> = given.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let template = Template::parse_with(SMALL, &given).expect("the small template");
    assert_eq!(template.functions["Worker"].environment["MODE"], "one");
    assert!(template.unset_parameters.is_empty());
    let unknown = BTreeMap::from([("Shrads".to_owned(), "1".to_owned())]);
    let error = Template::parse_with(SMALL, &unknown).expect_err("a mistyped parameter");
    assert!(error.to_string().contains("Shrads"), "{error}");
}

#[test]
fn what_is_renamed_in_the_text_comes_out_renamed() {
    let text = SMALL.replace("-things", "-items").replace("work.fifo", "jobs.fifo");
    let text = text.replace("POST /work/{id}", "PUT /jobs/{name}");
    let template = Template::parse(&text).expect("the renamed template");
    assert_eq!(template.tables[0].name, "transom-items");
    assert_eq!(template.queues[0].name, "jobs.fifo");
    let worker = &template.functions["Worker"];
    assert_eq!(worker.queue_sources[0].queue, "jobs.fifo");
    assert_eq!(worker.environment["QUEUE"], "queue:jobs.fifo");
    assert!(worker.policy.allows("dynamodb:GetItem", &table_arn("transom-items")));
    assert!(template.route("POST", "/work/1").is_none());
    let found = template.route("PUT", "/jobs/1").expect("the renamed route");
    assert_eq!(found.function, "Worker");
    assert_eq!(found.params["name"], "1");
}

#[test]
fn errors_name_the_resource_and_the_property() {
    refuses("!Ref Work\n", "!Ref Wrok\n", &["Worker", "Environment", "Wrok"]);
    refuses("AttributeType: S", "AttributeType: SS", &["Things", "AttributeDefinitions", "SS"]);
    refuses("KeySchema", "KeySchemes", &["Things", "KeySchema is missing"]);
    refuses("FifoQueue: true", "FifoQueue: maybe", &["Work", "FifoQueue"]);
    refuses("!GetAtt Worker.Arn", "!GetAtt Worker.Urn", &["Route", "IntegrationUri", "Urn"]);
    refuses("'integrations/$", "'integration/$", &["Route", "Target"]);
    refuses("!If [Many,", "!If [Few,", &["Worker", "Environment", "Few"]);
    refuses("FunctionName: !Ref Worker", "FunctionName: x", &["Mapping", "FunctionName"]);
}

#[test]
fn a_managed_policy_is_refused() {
    let inline = "- Statement:
            - {Effect: Allow, Action: 'dynamodb:GetItem', Resource: !GetAtt Things.Arn}";
    refuses(inline, "- AmazonDynamoDBFullAccess", &["Worker", "Policies", "FullAccess"]);
}

#[test]
fn the_real_template_holds_what_the_design_names() {
    let template = real();
    let tables: Vec<_> = template.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(tables, ["transom-accounts", "transom-limits", "transom-sessions"]);
    let sessions = &template.tables[2];
    let indexes: Vec<_> = sessions.global_indexes.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(indexes, ["due", "inbox"]);
    assert_eq!(sessions.ttl_attribute.as_deref(), Some("ttl"));
    assert_eq!(template.tables[1].local_indexes[0].name, "by_at");
    assert_eq!(template.queues.len(), 8);
    for queue in &template.queues {
        assert!(queue.fifo && !queue.content_based_deduplication, "{queue:?}");
        assert_eq!(queue.deduplication_scope.as_deref(), Some("messageGroup"));
        assert_eq!(queue.dead_letter.is_none(), queue.name.ends_with("-dead.fifo"));
    }
    assert_eq!(template.functions.len(), 7);
    assert_eq!(template.functions["SweeperFunction"].schedule_minutes, Some(1));
    let sources = &template.functions["SenderFunction"].queue_sources;
    let queues: Vec<_> = sources.iter().map(|source| source.queue.as_str()).collect();
    assert_eq!(queues, ["transom-campaigns.fifo", "transom-replies.fifo"]);
    let sources = &template.functions["MediaFunction"].queue_sources;
    let queues: Vec<_> = sources.iter().map(|source| source.queue.as_str()).collect();
    assert_eq!(queues, ["transom-media.fifo"]);
}

#[test]
fn the_real_template_keeps_messages_hidden_for_six_timeouts() {
    let template = real();
    for function in template.functions.values() {
        for source in &function.queue_sources {
            assert!(source.partial_responses, "{function:?}");
            let queue = template.queues.iter().find(|queue| queue.name == source.queue);
            let queue = queue.expect("the queue of a mapping");
            let hidden_s = u64::from(queue.visibility_timeout_s);
            assert!(hidden_s >= 6 * function.timeout_s, "{} {}", queue.name, function.logical_id);
        }
    }
}

#[test]
fn the_real_template_routes_and_grants() {
    let template = real();
    let function = |method, path| template.route(method, path).map(|found| found.function);
    let inbound = Some("InboundFunction".to_owned());
    assert_eq!(function("POST", "/webhooks/meta/acc_1"), inbound);
    assert_eq!(function("GET", "/webhooks/meta/acc_1"), inbound);
    assert_eq!(function("POST", "/status/twilio/acc_1"), Some("StatusFunction".to_owned()));
    let desk = Some("DeskFunction".to_owned());
    assert_eq!(function("DELETE", "/v1/accounts/acc_1"), desk);
    assert_eq!(function("GET", "/openapi.json"), desk);
    assert_eq!(function("POST", "/openapi.json"), None);
    let sweeper = &template.functions["SweeperFunction"].policy;
    assert!(sweeper.allows("dynamodb:Query", &index_arn("transom-sessions", "due")));
    assert!(!sweeper.allows("dynamodb:Scan", &table_arn("transom-sessions")));
    assert!(sweeper.allows("sqs:SendMessage", &queue_arn("transom-replies.fifo")));
    for function in template.functions.values() {
        assert!(!function.policy.allows("dynamodb:Scan", &table_arn("transom-sessions")));
        for (action, resource) in function.policy.grants() {
            // Objects have names that nobody knows beforehand; the bucket is named.
            let below_bucket = action.starts_with("s3:") && resource.ends_with("/*");
            let named = !resource.trim_end_matches("/*").contains('*');
            assert!(!action.contains('*') && named, "{action} on {resource}");
            assert!(below_bucket || !resource.contains('*'), "{action} on {resource}");
        }
    }
}
