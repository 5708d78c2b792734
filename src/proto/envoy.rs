//! The generated types of `proto/envoy`: external authorization, and what it is made of.

/// Package `envoy.config`.
pub mod config {
    /// Package `envoy.config.core`.
    pub mod core {
        /// Package `envoy.config.core.v3`.
        pub mod v3 {
            tonic::include_proto!("envoy.config.core.v3");
        }
    }
}

/// Package `envoy.service`.
pub mod service {
    /// Package `envoy.service.auth`.
    pub mod auth {
        /// Package `envoy.service.auth.v3`.
        pub mod v3 {
            tonic::include_proto!("envoy.service.auth.v3");
        }
    }
}

/// Package `envoy.type`.
pub mod r#type {
    /// Package `envoy.type.v3`.
    pub mod v3 {
        tonic::include_proto!("envoy.r#type.v3");
    }
}
