using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Platform.Gateway.Access;

namespace Platform.Gateway;

/// <summary>What the OpenAPI document says beyond the routes themselves.</summary>
internal static class OpenApiDescription
{
    public static void Configure(OpenApiOptions options)
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Platform",
                Version = "v1",
                Description = $"DDoS protection. Refusals are RFC 9457 problems with public codes. Changes carry {CrossSiteGuard.Header} "
                    + "unless a browser sends our own Origin, and may carry Idempotency-Key.",
            };
            document.Servers = []; // wherever it was asked
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<TenantScoped>().Any())
            {
                (operation.Parameters ??= []).Add(new OpenApiParameter
                {
                    Name = "tenantId",
                    In = ParameterLocation.Query,
                    Description = "Which tenant; absent for the caller's own.",
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                });
            }

            return Task.CompletedTask;
        });
    }
}
