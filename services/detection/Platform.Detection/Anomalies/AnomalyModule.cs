using Platform.Hosting;

namespace Platform.Detection.Anomalies;

internal static class AnomalyModule
{
    public static void AddAnomalies(this WebApplicationBuilder builder)
    {
        builder.AddValidatedOptions<AnomalyOptions>(AnomalyOptions.Section);
        builder.AddProjection<KnownAnomalies>();
        builder.AddPublications<AnomalyPublications>();
    }
}
