"""An AWS for tests: moto's server, and what its CloudFormation leaves out.

moto skips a resource type that it does not know, and reports success. Here such a
type is an error, and those that our stack has are added. They need no model of
their own: a resource's properties in CloudFormation are the parameters of the API
call that creates it, so each type below is that call, sent to this very server.

It prints its address, one line, and ends when its standard input does: with the
test that started it, however that ends.

In addition to AWS's own protocols it answers POST /call/<service>/<operation>. The body
is a JSON object of the operation's parameters, in boto3's names. So a test can check
what was deployed without an SDK client for each service.
"""

import datetime
import json
import logging
import os
import sys
import threading
from dataclasses import dataclass, field
from functools import lru_cache

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto.apigatewayv2.models import ApiGatewayV2Backend
from moto.cloudformation import models as cloudformation
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult
from moto.core.common_models import CloudFormationModel
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

REGION = "us-east-1"
ACCOUNT = "123456789012"
url = ""  # of this server, once it listens


@lru_cache
def client(service):
    return boto3.client(
        service, region_name=REGION, endpoint_url=url,
        aws_access_key_id="test", aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


def call(service, operation, **parameters):
    return getattr(client(service), operation)(**parameters)


@dataclass
class Kind:
    """How CloudFormation creates and deletes the resources of a type."""

    service: str
    create: str  # operation; takes the resource's properties
    identity: str = ""  # the parameter or the answer that Ref gives
    delete: str = ""  # operation; "" where it goes with what it belongs to
    deletion: object = None  # the deletion's parameters, of the creation's parameters and answers
    attributes: tuple = ()  # parameters or answers that Fn::GetAtt gives
    arn: str = ""  # what it gives for Arn, where no answer has it: made of the parameters
    prepare: object = field(default=lambda properties: [properties])  # the creation's parameters, call by call
    overwrites: bool = False  # creating it again is an update
    more: dict = field(default_factory=dict)  # values that no answer of moto has


def picking(*names):
    return lambda values: {name: values[name] for name in names}


def queue_policies(properties):
    policy = json.dumps(properties["PolicyDocument"])
    return [{"QueueUrl": queue, "Attributes": {"Policy": policy}} for queue in properties["Queues"]]


def topic_policies(properties):
    policy = json.dumps(properties["PolicyDocument"])
    return [{"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy} for topic in properties["Topics"]]


def metric_filters(properties):
    """The API of CloudWatch Logs has small initials where CloudFormation has large ones."""
    return [{
        "filterName": properties["FilterName"],
        "filterPattern": properties["FilterPattern"],
        "logGroupName": properties["LogGroupName"],
        "metricTransformations": [{
            "metricName": one["MetricName"],
            "metricNamespace": one["MetricNamespace"],
            "metricValue": one["MetricValue"],
            "dimensions": {dimension["Key"]: dimension["Value"] for dimension in one.get("Dimensions", [])},
        } for one in properties["MetricTransformations"]],
    }]


KINDS = {
    "AWS::ApiGatewayV2::Api": Kind(
        "apigatewayv2", "create_api", "ApiId", "delete_api", picking("ApiId"),
        attributes=("ApiId", "ApiEndpoint")),
    "AWS::ApiGatewayV2::Stage": Kind(
        "apigatewayv2", "create_stage", "StageName", "delete_stage", picking("ApiId", "StageName")),
    "AWS::ApiGatewayV2::Integration": Kind(
        "apigatewayv2", "create_integration", "IntegrationId", "delete_integration", picking("ApiId", "IntegrationId")),
    "AWS::ApiGatewayV2::Route": Kind(
        "apigatewayv2", "create_route", "RouteId", "delete_route", picking("ApiId", "RouteId")),
    "AWS::ApiGatewayV2::DomainName": Kind(
        "apigatewayv2", "create_domain_name", "DomainName", "delete_domain_name", picking("DomainName"),
        attributes=("RegionalDomainName", "RegionalHostedZoneId"),
        more={"RegionalDomainName": "d-1.execute-api." + REGION + ".amazonaws.com", "RegionalHostedZoneId": "Z1UJRXOUMOOFQ8"}),
    "AWS::ApiGatewayV2::ApiMapping": Kind(
        "apigatewayv2", "create_api_mapping", "ApiMappingId", "delete_api_mapping", picking("ApiMappingId", "DomainName")),
    "AWS::CertificateManager::Certificate": Kind(
        "acm", "request_certificate", "CertificateArn", "delete_certificate", picking("CertificateArn"),
        prepare=lambda properties: [picking("DomainName", "ValidationMethod")(properties)]),
    "AWS::CloudWatch::Alarm": Kind(
        "cloudwatch", "put_metric_alarm", "AlarmName",
        "delete_alarms", lambda values: {"AlarmNames": [values["AlarmName"]]}, overwrites=True,
        attributes=("Arn",), arn=f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{{AlarmName}}"),
    "AWS::Logs::MetricFilter": Kind(
        "logs", "put_metric_filter", "filterName", "delete_metric_filter", picking("filterName", "logGroupName"),
        prepare=metric_filters, overwrites=True),
    "AWS::SNS::Subscription": Kind(
        "sns", "subscribe", "SubscriptionArn", "unsubscribe", picking("SubscriptionArn")),
    "AWS::SNS::TopicPolicy": Kind(
        "sns", "set_topic_attributes", prepare=topic_policies, overwrites=True),
    "AWS::SQS::QueuePolicy": Kind(
        "sqs", "set_queue_attributes", prepare=queue_policies, overwrites=True),
}

# What may stay unknown. cdk bootstrap's bucket takes nothing over plain HTTP by its
# policy, and this server speaks nothing else.
LEFT_OUT = {"AWS::S3::BucketPolicy"}


def model(name, kind):
    """Makes the class that moto's CloudFormation wants of a resource type."""

    class Resource(CloudFormationModel):
        __module__ = f"moto.{kind.service}.stack"  # moto files its models by it

        def __init__(self, logical_name, properties):
            self.values = dict(kind.more)  # and parameters and answers
            for parameters in kind.prepare(properties):
                self.values |= parameters | call(kind.service, kind.create, **parameters)
            self.values.setdefault("Arn", kind.arn.format(**self.values))
            self.physical_resource_id = self.values.get(kind.identity, logical_name)

        @staticmethod
        def cloudformation_name_type():
            return ""

        @staticmethod
        def cloudformation_type():
            return name

        @classmethod
        def has_cfn_attr(cls, attribute):
            return attribute in kind.attributes

        def get_cfn_attribute(self, attribute):
            return self.values[attribute]

        def is_created(self):
            return True

        @classmethod
        def create_from_cloudformation_json(cls, resource_name, cloudformation_json, *_, **__):
            return cls(resource_name, cloudformation_json["Properties"])

        @classmethod
        def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, **_):
            if not kind.overwrites:
                raise NotImplementedError(f"infra/emulator/server.py cannot update an {name}")
            return cls(new_resource_name, cloudformation_json["Properties"])

        def delete(self, account_id, region_name):
            if not kind.delete:
                return
            try:
                call(kind.service, kind.delete, **kind.deletion(self.values))
            except ClientError as error:
                if error.response["Error"]["Code"] != "NotFoundException":  # it went with its API
                    raise

    return Resource


MODELS = [model(name, kind) for name, kind in KINDS.items()]  # moto finds them as subclasses, while they live


def refuse_what_is_not_done():
    """moto warns of a type that it does not know, says nothing of an update that it cannot make, and goes on."""
    find, update = parsing.resource_class_from_type, parsing.parse_and_update_resource

    def found(resource_type):
        known = find(resource_type)
        if known is None and resource_type not in LEFT_OUT:
            raise NotImplementedError(f"infra/emulator/server.py knows no {resource_type}: add it to KINDS")
        return known

    def updated(logical_id, resource_json, *arguments, **named):
        resource = update(logical_id, resource_json, *arguments, **named)
        if resource is None and resource_json["Type"] not in LEFT_OUT:
            raise NotImplementedError(f"moto cannot update an {resource_json['Type']}: deploy it as it shall be")
        return resource

    parsing.resource_class_from_type = found
    parsing.parse_and_update_resource = updated


def forgive_unknown_change_sets():
    """The CDK CLI deletes a change set that may not be there. moto 5.2.1 trips over that."""
    delete = cloudformation.CloudFormationBackend.delete_change_set

    def deleted(self, change_set_name):
        if any(change_set_name in (key, value.change_set_name) for key, value in self.change_sets.items()):
            delete(self, change_set_name)

    cloudformation.CloudFormationBackend.delete_change_set = deleted


def protect_from_termination():
    """moto 5.2.1 stores whether a stack is protected, and neither changes nor respects it."""
    delete = cloudformation.CloudFormationBackend.delete_stack

    def deleted(self, name_or_stack_id):
        stack = self.get_stack(name_or_stack_id)
        if stack.enable_termination_protection in (True, "true"):
            raise ValidationError(message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        return delete(self, name_or_stack_id)

    def update_termination_protection(self):
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection")
        return ActionResult({"StackId": stack.stack_id})

    cloudformation.CloudFormationBackend.delete_stack = deleted
    CloudFormationResponse.update_termination_protection = update_termination_protection


def delete_mappings_with_their_domain():
    """moto 5.2.1 deletes the mappings of a domain while it iterates over them."""
    delete = ApiGatewayV2Backend.delete_domain_name

    def deleted(self, domain_name):
        self.api_mappings = {key: one for key, one in self.api_mappings.items() if one.domain_name != domain_name}
        delete(self, domain_name)

    ApiGatewayV2Backend.delete_domain_name = deleted


def keep_default_parameters():
    """An update may keep the previous value of a parameter that was its default. moto 5.2.1 finds none."""
    resolve = cloudformation.CloudFormationBackend._resolve_update_parameters

    def resolved(self, instance, incoming_params):
        given = [
            parameter for parameter in incoming_params
            if not parameter.get("UsePreviousValue") or parameter["ParameterKey"] in instance.parameters
        ]
        return resolve(self, instance, given)

    cloudformation.CloudFormationBackend._resolve_update_parameters = resolved


# What Lambda's GetAccountSettings answers, which moto does not know: the limits of a new account.
LIMITS = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}


class Application:
    """moto's own application, and /call and the limits of Lambda in addition to it."""

    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"].rstrip("/") == "/2016-08-19/account-settings":
            return Response(json.dumps({"AccountLimit": LIMITS}), mimetype="application/json")(environ, start_response)
        if not environ["PATH_INFO"].startswith("/call/"):
            return self.moto(environ, start_response)
        return self.answer(Request(environ))(environ, start_response)

    @staticmethod
    def answer(request):
        _, _, service, operation = request.path.split("/")
        try:
            result = call(service, operation, **json.loads(request.get_data() or "{}"))
            return Response(json.dumps(result, default=text), mimetype="application/json")
        except (BotoCoreError, ClientError, HTTPException) as error:
            return Response(str(error), status=400, mimetype="text/plain")


def text(value):
    """Returns the JSON of values in boto3's answers that are not JSON types: times and streams."""
    return value.isoformat() if isinstance(value, datetime.datetime) else value.read().decode()


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


def main():
    global url
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    refuse_what_is_not_done()
    forgive_unknown_change_sets()
    keep_default_parameters()
    protect_from_termination()
    delete_mappings_with_their_domain()
    server = make_server("127.0.0.1", 0, Application(), threaded=True)
    # localhost: for a server at an address, moto looks for a bucket's name in the host.
    url = f"http://localhost:{server.port}"
    threading.Thread(target=end_with_parent, daemon=True).start()
    print(url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
