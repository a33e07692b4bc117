package e2e

import (
	"archive/zip"
	"bytes"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func (w *matrixWorld) ofLambda(t *testing.T, set func(map[string]any)) {
	t.Helper()
	ctx, c := t.Context(), lambda.NewFromConfig(w.m.config)
	trust := *policy(statement{"Effect": "Allow", "Principal": statement{"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
	role := *must(w.m.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("function"), AssumeRolePolicyDocument: &trust}))(t, "making a role").Role.Arn
	var code bytes.Buffer
	archive := zip.NewWriter(&code)
	must(archive.Create("readme"))(t, "making a package")
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"possessed", "spare"} {
		must(c.CreateFunction(ctx, &lambda.CreateFunctionInput{
			FunctionName: &name, Role: &role, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()}, Publish: true,
		}))(t, "making a function")
	}
	for _, alias := range []string{"possessed", "spare"} {
		must(c.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: aws.String("possessed"), Name: &alias, FunctionVersion: aws.String("1")}))(t, "making an alias")
	}
	must(c.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: aws.String("possessed"), StatementId: aws.String("possessed"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("events.amazonaws.com"),
	}))(t, "giving a permission")
	must(c.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: aws.String("possessed"), MaximumRetryAttempts: aws.Int32(0)}))(t, "configuring events")
	set(map[string]any{
		"lambda.FunctionName": "possessed", "lambda:CreateFunction.FunctionName": "matrix", "lambda:DeleteFunction.FunctionName": "spare", "lambda.Role": role,
		"lambda:CreateFunction.Runtime": lambdatypes.RuntimeProvidedal2023, "lambda:CreateFunction.Handler": "bootstrap",
		"lambda.Code": &lambdatypes.FunctionCode{ZipFile: code.Bytes()}, "lambda:UpdateFunctionCode.ZipFile": code.Bytes(),
		"lambda:UpdateFunctionConfiguration.Description": "matrix",
		"lambda.Name": "possessed", "lambda:CreateAlias.Name": "matrix", "lambda:DeleteAlias.Name": "spare", "lambda.FunctionVersion": "1",
		"lambda:ListAliases.FunctionVersion": "1", "lambda:ListFunctions.FunctionVersion": lambdatypes.FunctionVersionAll,
		"lambda.ReservedConcurrentExecutions": int32(1), "lambda.StatementId": "matrix", "lambda:RemovePermission.StatementId": "possessed",
		"lambda.Action": "lambda:InvokeFunction", "lambda.Principal": "sns.amazonaws.com",
		"lambda.Resource": "arn:aws:lambda:" + home + ":" + w.m.id + ":function:possessed", "lambda.Tags": map[string]string{"matrix": "yes"}, "lambda.TagKeys": []string{"matrix"},
	})
}
