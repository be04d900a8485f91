using Platform.Hosting;

namespace Platform.Mitigation.Erasures;

internal static class ErasureModule
{
    public static void AddErasures(this WebApplicationBuilder builder) => builder.AddPublications<ErasurePublications>();
}
