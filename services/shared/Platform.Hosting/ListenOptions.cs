using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Platform.Hosting;

/// <summary>Where the process listens. Bound from the <c>Listen</c> section; addresses as <c>127.0.0.1:8080</c> or <c>[::]:8080</c>.</summary>
public sealed class ListenOptions : IValidatableObject
{
    /// <summary>Name of the section.</summary>
    public const string Section = "Listen";

    /// <summary>Health and metrics, HTTP/1.1. Default 127.0.0.1:8081.</summary>
    [Required]
    public string Health { get; init; } = "127.0.0.1:8081";

    /// <summary>gRPC, HTTP/2 without TLS (the cluster network or a sidecar encrypts). Unset: the service serves none.</summary>
    public string? Grpc { get; init; }

    /// <summary>The gateway's listener for people and programs. Unset in every other service.</summary>
    public string? Public { get; init; }

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var (name, value) in new[] { (nameof(Health), Health), (nameof(Grpc), Grpc), (nameof(Public), Public) })
        {
            if (value is not null && (!IPEndPoint.TryParse(value, out var endpoint) || endpoint.Port == 0))
            {
                yield return new($"must be an IP address and a port from 1 to 65535, for example 127.0.0.1:8081.", [name]);
            }
        }
    }
}
