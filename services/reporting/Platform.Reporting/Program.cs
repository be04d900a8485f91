using Platform.Hosting;
using Platform.Reporting;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("reporting"); // telemetry, health, callers, clock
builder.AddReporting(); // streams, views, facts, questions

var app = builder.Build();
app.MapPlatform();
app.MapReporting();
return await app.RunPlatformAsync(args);
