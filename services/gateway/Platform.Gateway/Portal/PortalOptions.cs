using System.ComponentModel.DataAnnotations;

namespace Platform.Gateway.Portal;

/// <summary>The portal's built files. Bound from the <c>Portal</c> section.</summary>
internal sealed class PortalOptions : IValidatableObject
{
    public const string Section = "Portal";

    /// <summary>Folder that `npm run build` wrote (services/portal/dist). Unset: this gateway serves the API only.</summary>
    public string? Path { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Path is { Length: > 0 } && !File.Exists(System.IO.Path.Combine(Path, "index.html")))
        {
            yield return new("must be a folder with the portal's index.html; build it with `npm ci && npm run build` in services/portal.", [nameof(Path)]);
        }
    }
}
