using System.ComponentModel.DataAnnotations;

namespace Platform.Gateway.Downstream;

/// <summary>Where the services answer over gRPC. Bound from the <c>Services</c> section; addresses such as <c>http://accounts:8082</c>.</summary>
internal sealed class ServicesOptions
{
    public const string Section = "Services";

    private const string Missing = "must be the gRPC address of the service, for example http://127.0.0.1:8082.";

    [Required(ErrorMessage = Missing)]
    public Uri? Accounts { get; init; }

    [Required(ErrorMessage = Missing)]
    public Uri? Ingestion { get; init; }

    [Required(ErrorMessage = Missing)]
    public Uri? Detection { get; init; }

    [Required(ErrorMessage = Missing)]
    public Uri? Mitigation { get; init; }

    [Required(ErrorMessage = Missing)]
    public Uri? Reporting { get; init; }

    [Required(ErrorMessage = Missing)]
    public Uri? Retention { get; init; }

    [Required(ErrorMessage = Missing)]
    public Uri? Notifications { get; init; }

    /// <summary>How long one call may take before the caller is told to come back, 0.1 to 60 seconds. Default 5 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(5);
}
